"""Says which peers this Python has; fails with the name of what is missing."""
import platform

import peer

import safetensors
import tokenizers
import torch
import transformers

peer.answer(python=platform.python_version(), torch=torch.__version__, transformers=transformers.__version__,
            tokenizers=tokenizers.__version__, safetensors=safetensors.__version__,
            instructions=torch.backends.cpu.get_cpu_capability())
