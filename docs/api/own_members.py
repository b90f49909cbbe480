"""For the API reference: a package does not show again what it passes on from its modules."""

import griffe


class OwnMembers(griffe.Extension):
    """Clears `__all__` of every package, by which imported names would be shown."""

    def on_package(self, *, pkg: griffe.Module, **_: object) -> None:
        """After a package is read, with everything in it."""
        packages = [pkg]
        while packages:
            module = packages.pop()
            module.exports = None
            packages += [m for m in module.modules.values() if not m.is_alias]
