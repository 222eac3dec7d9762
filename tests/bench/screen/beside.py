#!/usr/bin/env python3
"""Typing while a page scrolls, and both while a file is sent: what waits for what on a narrow line.

The same desktop, clocks and namespaces as screen_bench.py, whose functions this uses. A page scrolls;
meanwhile keys are pressed on the technician's screen, and a window beside the page flips its colour.
With --cp the same again while `deskside cp` sends a file to the agent, and the ratio of the two.

usage: beside.py SCREEN_BENCH_FOLDER [--link "LINKEMU OPTIONS"] [--scale S] [--keys N] [--reps R] [--cp MIB]
DS names the folder of the release builds, as for `run`. Prints one JSON object a line, then the medians.
"""
import argparse, json, os, statistics, subprocess, sys, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
PLACE = os.environ["SCREEN_DIR"]


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("--link")
    parser.add_argument("--scale", type=float, default=1.5)
    parser.add_argument("--keys", type=int, default=40)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--cp", type=int, default=0, metavar="MIB")
    return parser.parse_args()


def percentile(values, share):
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1) if ordered else None


class Session:
    """Both screens, the relay, the agent and the technician's window."""

    def __init__(self, sb):
        self.sb, self.started = sb, []
        place = {key: value.format(**sb.ADDR) for key, value in (("shared", "{D}"), ("relay", "{R}"))}
        self.shared, self.own = place["shared"], ":62"
        try:
            self.start(None, ["Xvfb", self.shared, "-screen", "0", "1920x1080x24", "-ac"], {})
            self.start(None, ["Xvfb", self.own, "-screen", "0", "2048x1200x24", "-ac"], {})
            for name in (self.shared, self.own):
                sb.wait_x(name)
            self.start("rs-r", [HERE + "/relay.sh", place["relay"]], {})
            time.sleep(0.7)
            self.start("rs-a", [HERE + "/agent.sh"], {"DISPLAY": self.shared})
            time.sleep(4)
            self.start("rs-t", [HERE + "/viewer.sh"], {"DISPLAY": self.own})
            time.sleep(6)
        except BaseException:
            self.end()
            raise

    def start(self, namespace, command, environment):
        log = f"/tmp/beside-{len(self.started)}.log"
        self.started.append(self.sb.start(namespace, command, environment, log))
        return self.started[-1]

    def end(self):
        for process in reversed(self.started):
            self.sb.stop(process)


def measured(session, arguments):
    """Ages of the page's frames, and times from key to pixel, in milliseconds."""
    sb, stamps = session.sb, "/tmp/beside.stamps"
    glass = sb.Glass(session.own, 200)
    glass.locate()
    glass.start()
    workload = subprocess.Popen(
        [sys.executable, arguments.bench + "/workload.py", "--phases", "page", "--scale", str(arguments.scale), "--stamps", stamps],
        env=dict(os.environ, DISPLAY=session.shared), stdout=subprocess.PIPE, text=True)
    times = []
    typing = threading.Timer(2.5, lambda: times.extend(sb.keys(arguments.keys, session.own, session.shared, glass.pos)))
    typing.start()
    marks = [json.loads(line) for line in workload.stdout]
    workload.wait()
    typing.join()
    glass.go = False
    glass.join()
    page, end = marks[0], marks[1]["t"]
    drawn = {int(number): float(at) for number, at in (line.split() for line in open(stamps))}
    seen = [(at, number) for at, number in glass.seen if page["t0"] <= at <= end and page["m0"] < number <= page["m1"]]
    ages = [(at - drawn[number]) * 1e3 for at, number in seen if number in drawn]
    return {
        "fps": round(len(seen) / (page["t1"] - page["t0"]), 1), "seen": len(seen), "keys": len(times), "pressed": arguments.keys,
        "age_p50_ms": percentile(ages, 0.5), "age_p95_ms": percentile(ages, 0.95),
        "key_p50_ms": percentile(times, 0.5), "key_p95_ms": percentile(times, 0.95),
    }


class Copying:
    """A file on its way to the agent, which is ended when the measuring is over."""

    def __init__(self, session, mib):
        self.path = PLACE + "/beside.bin"
        with open(self.path, "wb") as file:
            for _ in range(mib):
                file.write(os.urandom(1 << 20))
        environment = {"DESKSIDE_HOME": PLACE + "/home"}
        self.process = session.start("rs-t", [os.environ["DS"] + "/deskside", "--json", "cp", self.path, "agent:beside.bin"], environment)
        time.sleep(5)
        if self.process.poll() is not None:
            raise SystemExit("the file is there already or could not be sent: see /tmp/beside-*.log")

    def end(self, sb):
        going = self.process.poll() is None
        sb.stop(self.process)
        os.unlink(self.path)
        return going


def repeated(options, figures):
    """`figures` of each repetition's session, on the network that the options ask for; prints each."""
    sys.path.insert(0, options.bench)
    import screen_bench as sb
    net = [options.bench + "/../badlink.sh"] if options.link else [sb.NET]
    subprocess.run([sb.NET, "down"], check=False)
    subprocess.run(net + ["up"] + (options.link.split() if options.link else []), check=True)
    every = []
    try:
        for _ in range(options.reps):
            session = Session(sb)
            try:
                every.append(figures(session, options))
            finally:
                session.end()
            print(json.dumps(every[-1]), flush=True)
    finally:
        subprocess.run(net + ["down"], check=False)
    return every


def figures(session, options):
    quiet = {"quiet": measured(session, options)}
    if not options.cp:
        return quiet
    copying = Copying(session, options.cp)
    beside = measured(session, options)
    beside["still_copying"] = copying.end(session.sb)
    return quiet | {"cp": beside}


def main():
    every = repeated(arguments(), figures)
    names = ("fps", "age_p50_ms", "age_p95_ms", "key_p50_ms", "key_p95_ms")
    medians = {way: {name: statistics.median(one[way][name] for one in every) for name in names} for way in every[0]}
    for way, median in medians.items():
        print(f"{way:6s}" + "".join(f"  {name} {median[name]:.1f}" for name in names))
    if "cp" in medians:
        print("ratio " + "".join(f"  {name} {medians['cp'][name] / medians['quiet'][name]:.2f}" for name in names))


if __name__ == "__main__":
    main()
