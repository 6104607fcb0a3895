"""Files that come from outside, and files written safely."""
