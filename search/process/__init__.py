"""What one worker process is and owns: its name, device, threads, log, wire and orders."""
