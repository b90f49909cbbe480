"""Samplers, one a file, named like the file. `nas.sample.base` defines their interface."""
