"""Directories of a hierarchical account (ADLS Gen2), the only use of `azure.storage.filedatalake`.

Blobs of both kinds of account are read and written through the Blob endpoint. What only a hierarchical account has are
directories that exist by themselves: they show up in listings, stay when their last blob goes, and can be removed in one
step with everything in them ("Known issues with Azure Data Lake Storage", "Path - Delete", read 2026-11).
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from azure.storage.blob import BlobServiceClient

from adapters.storage.errors import translated
from domain.errors import BlockedError, ConfigurationError, MissingContainerError, NotFoundError, RefusedError

if TYPE_CHECKING:
    from azure.storage.filedatalake import DataLakeServiceClient

Kind = Literal["auto", "flat", "hierarchical"]

log = logging.getLogger(__name__)


class Directories:
    """Whether the account has directories, and what can be done with them.

    Found out when it is first needed, once: both questions cost a call.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        blobs: BlobServiceClient,
        open_lake: Callable[[], "DataLakeServiceClient"],
        container: str,
    ) -> None:
        self._kind, self._blobs, self._open_lake, self._container = kind, blobs, open_lake, container

    @cached_property
    def exist(self) -> bool:
        """Whether the account is a hierarchical one.

        The account says so itself to those who have a key. An identity with roles for data only may not ask; it looks
        at the access list of a container's root, which flat accounts do not have.
        """
        if self._kind != "auto":
            return self._kind == "hierarchical"
        try:
            with translated("the account's properties"):
                found = bool(self._blobs.get_account_information()["is_hns_enabled"])
        except ConfigurationError:
            found = self._has_access_list()
        log.info("the storage account is %s", "hierarchical" if found else "flat")
        return found

    @cached_property
    def _lake(self) -> "DataLakeServiceClient":
        return self._open_lake()

    def _has_access_list(self) -> bool:
        root = self._lake.get_directory_client(self._container, "/")
        try:
            with translated(f"the directories of {self._container}"):
                return root.get_access_control().get("permissions") is not None
        except MissingContainerError:
            raise
        except ConfigurationError as error:
            log.warning(
                "taking the storage account for a flat one; else set STORAGE_KIND=hierarchical: %s", error
            )
            return False
        except (RefusedError, BlockedError):
            # "Only supported on a hierarchical namespace account"; with soft delete in other words.
            return False

    def remove(self, container: str, path: str) -> None:
        """Remove a directory with everything in it, in one step; one that is gone already is what was wanted."""
        with suppress(NotFoundError), translated(f"{container}/{path}"):
            self._lake.get_directory_client(container, path).delete_directory()
