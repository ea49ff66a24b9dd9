"""One YAML file, read strictly."""
