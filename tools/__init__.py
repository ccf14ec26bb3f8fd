"""Programs for those who maintain the project; no part of the package that is installed."""
