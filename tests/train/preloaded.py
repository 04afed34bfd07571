"""What the fork server of `launched.py` imports: every mode of `launch.py`. Nothing here may start a thread."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import dogjax.data.pipeline
import dogjax.data.prepare
import dogjax.diagnose.diagnose
import dogjax.report.page
import dogjax.report.summary
import dogjax.study.cartography
import dogjax.study.shards
import dogjax.train.loop  # noqa: F401
from dogjax.train.identity import code_sha256

code_sha256()  # kept for the processes to come
