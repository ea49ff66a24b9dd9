"""People answer: presses and commands in the chat where the alert reached them."""
