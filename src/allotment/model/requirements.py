"""What a worker's node must offer before the worker may start."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder that must be there; `mount_point`: it must be the root of a mounted file system; `writable`: ours."""

    path: str
    mount_point: bool = True
    writable: bool = True

    def is_met_by(self, other: "Mount") -> bool:
        """Say whether what is checked of the other is enough for this one."""
        return self.path == other.path and self.mount_point <= other.mount_point and self.writable <= other.writable


@dataclass(frozen=True, slots=True)
class Requirements:
    """Mounts, importable modules and node labels."""

    mounts: tuple[Mount, ...] = ()
    imports: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def missing_from(self, offer: "Requirements") -> tuple[str, ...]:
        """Name what these requirements ask for that the offer does not hold."""
        return (
            *(
                f"mount {mount.path}"
                for mount in self.mounts
                if not any(mount.is_met_by(offered) for offered in offer.mounts)
            ),
            *(f"import {name}" for name in self.imports if name not in offer.imports),
            *(f"label {name}" for name in self.labels if name not in offer.labels),
        )

    def __bool__(self) -> bool:
        return bool(self.mounts or self.imports or self.labels)


NO_REQUIREMENTS = Requirements()
