"""Keys of a Helm chart's values: what they say of a worker, and which of them say nothing of a fleet."""

from collections.abc import Collection, Mapping
from typing import Any

from allotment.model import names
from allotment.source.shapes.draft import At, Draft
from allotment.source.shapes.profile_keys import Keys, as_it_is
from allotment.source.shapes.worker_pools import KEYS as OF_POOLS

_AS_THEY_ARE = ("queues", "exclude_tasks", "prefetch", "preset", "delivery")


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(part.capitalize() for part in rest)


_SNAKE: Keys = {**OF_POOLS, **{key: (key, as_it_is) for key in _AS_THEY_ARE}}
OF_PROFILES: Keys = {**_SNAKE, **{_camel(key): value for key, value in _SNAKE.items()}}
"""What is said of a worker itself, written `time_limit` or `timeLimit`."""

OF_PLACES = frozenset({"enabled", "replicas", "replicaCount", "autoscaling", "nodeSelector"})
"""What is said of how many there are, and where."""

_OF_PODS = """
affinity annotations args automountServiceAccountToken command config configMap containerSecurityContext
deploymentAnnotations dnsConfig dnsPolicy env envFrom existingSecret extraArgs extraContainers extraEnv extraEnvFrom
extraEnvVars extraLabels extraVolumeMounts extraVolumes fullnameOverride hostAliases hostNetwork hpa image
imagePullPolicy imagePullSecrets initContainers keda labels lifecycle livenessProbe logLevel loglevel metrics
minReadySeconds name nameOverride nodeName pdb persistence podAnnotations podDisruptionBudget podLabels
podSecurityContext ports priorityClassName probes readinessProbe restartPolicy revisionHistoryLimit runtimeClassName
schedulerName secrets securityContext service serviceAccount serviceAccountName serviceMonitor sidecars startupProbe
strategy terminationGracePeriodSeconds tolerations topologySpreadConstraints updateStrategy volumeMounts volumes
"""
OF_KUBERNETES = frozenset(_OF_PODS.split())
"""What Kubernetes is told of the pods."""

_OF_AUTOSCALING = """
enabled minReplicas maxReplicas annotations behavior customMetrics metrics targetCPU targetMemory
targetCPUUtilizationPercentage targetMemoryUtilizationPercentage
"""
OF_AUTOSCALING = frozenset(_OF_AUTOSCALING.split())

_OF_TASKS = """
broker_url brokerUrl backend_type backendType backend_url backendUrl result_backend resultBackend broker broker_type
brokerType
"""
OF_TASKS = frozenset(_OF_TASKS.split())
"""What may stand in `taskConfig`."""


def report_misspelt(draft: Draft, values: Mapping[str, Any], known: Collection[str]) -> None:
    """Report keys that are nearly one of these; others may mean something to the chart."""
    for key in values:
        at = At(values, key)
        if key == "<<":
            draft.problem("unknown-key", "'<<' merges nothing in YAML 1.2", at, "write the keys out", key=True)
        elif key not in known:
            near = names.nearest(key, known)
            if near is not None:
                draft.problem("unknown-key", f"unknown key {key!r}", at, f"did you mean {near!r}?", key=True)
