"""What producers and consumers share: the definition of a task without its code.

    from allotment.contracts import TaskContract, contract, implements

Importing this imports no Celery; sending and implementing do.
"""

from allotment.contracts.contract import Contract, contract
from allotment.contracts.implementing import Implementation, implements
from allotment.contracts.result import TypedResult
from allotment.contracts.task_contract import TaskContract

__all__ = ["Contract", "Implementation", "TaskContract", "TypedResult", "contract", "implements"]
