"""Tables as people's programs write them: text, JSON Lines, Excel; and rows of Python."""
