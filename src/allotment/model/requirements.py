"""What a worker's node must offer before the worker may start."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder that must be there; `mount_point`: it must be the root of a mounted file system; `writable`: ours."""

    path: str
    mount_point: bool = True
    writable: bool = True


@dataclass(frozen=True, slots=True)
class Requirements:
    """Mounts, importable modules and node labels."""

    mounts: tuple[Mount, ...] = ()
    imports: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def missing_from(self, offer: "Requirements") -> tuple[str, ...]:
        """Name what these requirements ask for that the offer does not hold."""
        offered = {mount.path for mount in offer.mounts}
        return (
            *(f"mount {mount.path}" for mount in self.mounts if mount.path not in offered),
            *(f"import {name}" for name in self.imports if name not in offer.imports),
            *(f"label {name}" for name in self.labels if name not in offer.labels),
        )

    def __bool__(self) -> bool:
        return bool(self.mounts or self.imports or self.labels)


NO_REQUIREMENTS = Requirements()
