"""Small optimisation problems in K unknowns that several methods pose: Gramian ``[K, K]`` to weights ``[K]``.

All compute in double precision. Each takes and returns tensors on any device and solves on the CPU with numpy, whose
calls on tiny matrices cost a fraction of torch's. No solver iterates without bound, and none fails on rank-deficient,
zero or opposed gradients.
"""
