"""`fuyuan doctor`: what is wrong, in words, and what to do about it. It changes nothing."""
