"""What the fork server of `launched.py` imports: every mode of `launch.py`. Nothing here may start a thread."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import dogjax.data.pipeline  # noqa: F401
import dogjax.data.prepare  # noqa: F401
import dogjax.diagnose.diagnose  # noqa: F401
import dogjax.report.page  # noqa: F401
import dogjax.report.summary  # noqa: F401
import dogjax.study.cartography  # noqa: F401
import dogjax.study.shards  # noqa: F401
import dogjax.train.loop  # noqa: F401
from dogjax.train.identity import code_sha256

code_sha256()  # kept for the processes to come
