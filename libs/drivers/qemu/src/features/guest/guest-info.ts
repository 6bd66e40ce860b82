import { Fault } from '@virtmesh/base';
import { DomainGuestInfo } from '@virtmesh/contracts/domain/v1/guest';
import type { GuestInfo } from '@virtmesh/driver-spi';
import type { DriverContext } from '../../context.ts';
import { agentTimeoutMs, type AskAgent, talk } from '../../guest-agent/talk.ts';
import { guestDisks } from './guest-disks.ts';
import { bytesTold, int32Told, listTold, numberTold, textTold, told } from './reading.ts';

export const guestInfoFeature = (context: DriverContext): GuestInfo => ({
  guestInfo: async (ref, active, signal) => {
    const guest = context.guests.running(ref);
    const within = AbortSignal.any([signal, AbortSignal.timeout(agentTimeoutMs)]);
    const answers = await talk(context, guest, within, askAll);
    return infoTold(answers, await guestDisks(guest, active, within));
  },
});

const commands = {
  agent: 'guest-info',
  os: 'guest-get-osinfo',
  hostname: 'guest-get-host-name',
  timezone: 'guest-get-timezone',
  users: 'guest-get-users',
  filesystems: 'guest-get-fsinfo',
} as const;

type Answers = Readonly<Record<keyof typeof commands, unknown>>;

/** What the agent refuses, or does not know, is left out. */
async function askAll(ask: AskAgent): Promise<Answers> {
  const answers: Partial<Record<string, unknown>> = {};
  for (const [part, command] of Object.entries(commands)) {
    answers[part] = await ask(command).catch((thrown: unknown) => {
      if (!Fault.is(thrown, 'GUEST_AGENT_FAILED')) throw thrown;
    });
  }
  return answers as Answers;
}

/** `diskOf` finds the disk of the definition that a disk in the agent's words is. */
export function infoTold(answers: Answers, diskOf: (disk: Readonly<Record<string, unknown>>) => string | undefined): DomainGuestInfo {
  const [os, timezone] = [told(answers.os), told(answers.timezone)];
  return DomainGuestInfo.fromPartial({
    agentVersion: textTold(told(answers.agent)['version']),
    hostname: textTold(told(answers.hostname)['host-name']),
    ...(answers.os === undefined ? {} : { os: osTold(os) }),
    ...(answers.timezone === undefined
      ? {}
      : { timezone: { name: textTold(timezone['zone']), offsetSeconds: int32Told(timezone['offset']) } }),
    users: listTold(answers.users).map((user) => ({
      name: textTold(user['user']),
      domain: textTold(user['domain']),
      loginTimeMs: BigInt(numberTold(Number(user['login-time']) * 1000)),
    })),
    filesystems: listTold(answers.filesystems).map((each) => ({
      mountPoint: textTold(each['mountpoint']),
      device: textTold(each['name']),
      type: textTold(each['type']),
      totalBytes: bytesTold(each['total-bytes']),
      usedBytes: bytesTold(each['used-bytes']),
      disks: [...new Set(listTold(each['disk']).flatMap((disk) => diskOf(disk) ?? []))],
    })),
  });
}

const osTold = (os: Readonly<Record<string, unknown>>): NonNullable<DomainGuestInfo['os']> => ({
  id: textTold(os['id']),
  name: textTold(os['name']),
  prettyName: textTold(os['pretty-name']),
  version: textTold(os['version']),
  versionId: textTold(os['version-id']),
  machine: textTold(os['machine']),
  kernelRelease: textTold(os['kernel-release']),
  kernelVersion: textTold(os['kernel-version']),
});
