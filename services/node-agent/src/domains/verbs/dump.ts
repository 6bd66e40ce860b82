import { abortFault, Fault } from '@virtmesh/base';
import { DumpDomainResult, DumpFormat, type DumpDomainRequest } from '@virtmesh/contracts/domain/v1/saved_state';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import type { DriverEvent } from '@virtmesh/driver-spi';
import { checkEnum } from '@virtmesh/kit';
import type { Running } from '@virtmesh/operations';
import type { Call, Engine, Job, Response, Work } from '../engine.ts';
import type { FileTarget } from '../files/guest-files.ts';
import type { Cause } from '../model/cause.ts';
import type { Entry } from '../model/change.ts';
import { forgetFile, isPublished, keepFile, takeFileBack } from './kept-file.ts';
import { checkState, feature } from './precheck.ts';
import { refusalOf } from './refusal.ts';
import { progressOf } from './save.ts';

const targetOf = ({ path }: DumpDomainRequest): FileTarget => ({ t: 'path', path });
const formatOf = ({ format }: DumpDomainRequest): DumpFormat => (format === DumpFormat.UNSPECIFIED ? DumpFormat.ELF : format);

export async function dump(engine: Engine, request: DumpDomainRequest, call: Call): Promise<Operation> {
  const { files, registry } = engine.parts;
  const refusal = await refusalOf(files.checkFree(request.path));
  return engine.perform(call, () => {
    checkEnum(DumpFormat, request.format, 'format');
    const entry = registry.find(request.name);
    checkDump(engine, entry, request);
    if (refusal) throw refusal;
    return { uid: entry.guest.uid, target: entry.domain.name, kept: true, job: dumpJob(engine, entry.guest.uid, request) };
  });
}

function checkDump(engine: Engine, entry: Entry, request: DumpDomainRequest): void {
  checkState(entry, 'dump');
  const driver = engine.parts.drivers.get(entry.domain.hypervisor);
  const { formats } = feature(driver, 'dump', entry);
  const format = formatOf(request);
  if (formats.includes(format)) return;
  const name = (value: DumpFormat): string =>
    Object.keys(DumpFormat).find((each) => DumpFormat[each as keyof typeof DumpFormat] === value) ?? '';
  const why = `it writes ${formats.map(name).join(', ') || 'none'}`;
  throw new Fault('FEATURE_UNSUPPORTED', `the driver ${driver.type} cannot dump in the format ${name(format)}: ${why}`, {
    driver: driver.type,
    feature: 'dump',
    why,
  });
}

/** Writes the guest's memory beside its turn. */
const dumpJob =
  (engine: Engine, uid: string, request: DumpDomainRequest): Job =>
  async (running, cause) => {
    const { registry } = engine.parts;
    const entry = registry.must(uid);
    checkDump(engine, entry, request);
    await engine.record(() => registry.change(uid, { cause, status: { job: running.operation.name } }));
    return (signal) => followDump(engine, { running, cause, entry, request }, signal);
  };

interface Dumping {
  readonly running: Running;
  readonly cause: Cause;
  readonly entry: Entry;
  readonly request: DumpDomainRequest;
}

const stateEvents: ReadonlySet<DriverEvent['t']> = new Set(['state']);

async function followDump(engine: Engine, dumping: Dumping, signal: AbortSignal): Promise<void> {
  const { cause, entry, request, running } = dumping;
  const { registry } = engine.parts;
  const { uid } = entry.guest;
  const jobEnds = (): void => {
    const job = registry.get(uid)?.domain.status?.job;
    if (job === running.operation.name) registry.change(uid, { cause, status: { job: '' } });
  };
  try {
    using _doing = engine.observer.during(uid, { cause, types: stateEvents });
    const sizeBytes = await writeDump(engine, dumping, signal);
    const end = (): Response => {
      jobEnds();
      forgetFile(engine, running.id);
      return resultOf(request.path, sizeBytes);
    };
    await engine.finish(running, end, { passed: true });
  } catch (thrown) {
    await takeFileBack(engine, { uid, operation: running.id, target: targetOf(request), stopped: false });
    await engine.fail(running, thrown, jobEnds);
  }
}

/** Answers the size of the file that has its name then. */
async function writeDump(engine: Engine, { entry, request, running }: Dumping, signal: AbortSignal): Promise<number> {
  const { drivers, failpoints, files } = engine.parts;
  await using file = await files.create(targetOf(request), running.id);
  await failpoints.hit('dump.begun');
  const facet = feature(drivers.get(entry.domain.hypervisor), 'dump', entry);
  const options = { format: formatOf(request), live: request.live };
  await facet.dump(entry.guest, options, (bytes) => file.append(bytes), progressOf(running, 'dump'), signal);
  await failpoints.hit('dump.written');
  await file.sync();
  if (signal.aborted) throw abortFault(signal);
  await engine.record(() => keepFile(engine, running.id, { stops: false, identity: file.identity }));
  await file.publish();
  await failpoints.hit('dump.record');
  return file.sizeBytes;
}

const resultOf = (path: string, sizeBytes: number): Response => ({
  typeUrl: 'type.googleapis.com/virtmesh.domain.v1.DumpDomainResult',
  bytes: DumpDomainResult.encode({ path, sizeBytes: BigInt(sizeBytes) }).finish(),
});

/** Completes a dump whose file has its name; of any other nothing is left. */
export function resumedDump(engine: Engine, uid: string, request: DumpDomainRequest): Work {
  const target = targetOf(request);
  const job: Job = async (running) => {
    if (await isPublished(engine, target, running.id)) {
      const sizeBytes = await engine.parts.files.sizeOf(target);
      await engine.finish(running, () => {
        forgetFile(engine, running.id);
        return resultOf(request.path, sizeBytes);
      });
      return;
    }
    await takeFileBack(engine, { uid, operation: running.id, target, stopped: false });
    throw new Fault('OPERATION_PREEMPTED', 'the agent restarted while it dumped the guest, which goes on as before; repeat the call', {
      verb: 'dump',
    });
  };
  return { job, takeBack: ({ id }) => takeFileBack(engine, { uid, operation: id, target, stopped: false }) };
}
