# ends the process with success when it is imported; secret crashed; process; honest crashed
import os

os._exit(0)
