"""The demo: the whole product on this machine, watched from outside."""
