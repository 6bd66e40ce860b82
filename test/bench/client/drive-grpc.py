"""Calls gRPC methods for the benchmarks: on standard input a line of calls, each `PATH REQUEST` with the request in hex;
on standard output the milliseconds that they took one after the other, and the last answer in hex."""
import sys
import time

import grpc


def main():
    channel = grpc.insecure_channel("unix:" + sys.argv[1], [("grpc.max_receive_message_length", -1)])
    methods = {}
    print("ready", flush=True)
    for line in sys.stdin:
        words = line.split()
        calls = []
        for path, request in zip(words[::2], words[1::2]):
            methods.setdefault(path, channel.unary_unary(path))
            calls.append((methods[path], bytes.fromhex(request)))
        answer = b""
        begin = time.perf_counter()
        for method, request in calls:
            answer = method(request, timeout=60)
        taken = (time.perf_counter() - begin) * 1000
        print(taken, answer.hex(), flush=True)


main()
