"""Many pictures from a table: rows to tasks, made once each, whatever happens in between."""
