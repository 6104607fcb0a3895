"""Pictures and workflows of other tools, both ways."""
