"""The sweep runner and its report; one folder per study with what was asked, run and found."""
