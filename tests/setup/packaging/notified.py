"""Listens as systemd does for the notifications of a service (sd_notify(3)), and prints each on a line: notified.py <socket>."""
import os
import socket
import sys

listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print("listening", flush=True)
while True:
    text, descriptors, _, _ = socket.recv_fds(listener, 4096, 4)
    print(text.decode().replace("\n", " "), flush=True)
    # systemd-notify waits until the descriptor that it sends is closed
    for descriptor in descriptors:
        os.close(descriptor)
