"""Zero-cost proxies, one a file, named like the file; see `nas.measure.proxies.base`."""
