"""Where people meet the studio. Surfaces catch StudioErrors; nobody else does."""
