"""Whether exceptions are let through, for a debugger: `nas --debug`, in this process alone."""

let_through = False
