"""One module a data set: `check`, `num_classes`, `read`, and `download` where there is one."""
