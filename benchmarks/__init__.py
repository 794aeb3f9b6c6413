"""What Allotment promises about speed, measured: `make bench`."""
