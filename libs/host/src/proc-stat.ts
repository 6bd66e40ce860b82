/** What `/proc/{pid}/stat` tells, as far as it is used. */
export interface ProcStat {
  /** The kernel's letter for what the process does. */
  readonly state: string;
  readonly startTicks: string;
  readonly userNs: bigint;
  readonly systemNs: bigint;
  readonly residentPages: bigint;
}

/** USER_HZ is 100 on every Linux that Node runs on; the kernel converts to it. */
const nsPerTick = 10_000_000n;

/** Reads a line of `/proc/{pid}/stat`; undefined for what is not one. The name in parentheses can hold anything. */
export function parseProcStat(line: string): ProcStat | undefined {
  const afterName = line.lastIndexOf(')');
  if (afterName < 0) return undefined;
  // proc(5) counts from 1 and the state is field 3, so that field n is at n - 3 here.
  const fields = line
    .slice(afterName + 2)
    .trim()
    .split(' ');
  const [state, userTicks, systemTicks, startTicks, residentPages] = [fields[0], fields[11], fields[12], fields[19], fields[21]];
  if (!state || !userTicks || !systemTicks || !startTicks || !residentPages) return undefined;
  return {
    state,
    startTicks,
    userNs: BigInt(userTicks) * nsPerTick,
    systemNs: BigInt(systemTicks) * nsPerTick,
    residentPages: BigInt(residentPages),
  };
}
