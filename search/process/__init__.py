"""The parts of a worker process: name, device, threads, output, launcher's socket, signals."""
