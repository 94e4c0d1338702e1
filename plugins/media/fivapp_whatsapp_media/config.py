"""What an operator sets for the installation, and what a tenant decides."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from fivapp_whatsapp import Secret


class MediaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """An operator's settings: FIVAPP_MEDIA_<FIELD>.

    `store_url` is a folder (`file:///srv/media`), or `s3://bucket/prefix`, `gs://…`, `az://…`, whose credentials come
    from the environment as their own tools read them; empty: the folder `media` beside the SQLite file, else in the
    current one. Sizes are in bytes, pixels are width times height, times in seconds.
    """

    store_url: Secret = Secret("")
    upload_bytes: Annotated[int, Meta(ge=1)] = 64 * 1024 * 1024
    pixels: Annotated[int, Meta(ge=1)] = 50_000_000
    link_seconds: Annotated[int, Meta(ge=10, le=3600)] = 300
    upload_link_seconds: Annotated[int, Meta(ge=60, le=604_800)] = 86_400


class MediaConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A tenant's settings."""

    fetch: Annotated[
        bool,
        Meta(
            title="Keep files",
            description="Fetch the files of incoming messages at once and keep them.",
            extra_json_schema={
                "i18n": {
                    "pt-BR": {
                        "title": "Guardar arquivos",
                        "description": "Buscar na hora e guardar os arquivos das mensagens recebidas.",
                    }
                }
            },
        ),
    ] = True
    max_megabytes: Annotated[
        int,
        Meta(
            ge=1,
            le=2048,
            title="Largest file (MB)",
            description="Larger files stay with the connection service.",
            extra_json_schema={
                "i18n": {
                    "pt-BR": {
                        "title": "Maior arquivo (MB)",
                        "description": "Arquivos maiores ficam no serviço de conexão.",
                    }
                }
            },
        ),
    ] = 64
    retention_days: Annotated[
        int,
        Meta(
            ge=0,
            le=3650,
            title="Days to keep files",
            description="After so many days a file is deleted; the message stays. 0: for ever.",
            extra_json_schema={
                "i18n": {
                    "pt-BR": {
                        "title": "Dias para guardar arquivos",
                        "description": "Depois desses dias o arquivo é apagado; a mensagem fica. 0: para sempre.",
                    }
                }
            },
        ),
    ] = 0
