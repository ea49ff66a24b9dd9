"""Rules tried before they are trusted: on a test's series, on the stored past, by the engine and the post of the daemon."""
