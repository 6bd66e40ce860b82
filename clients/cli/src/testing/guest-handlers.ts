import { Fault, parseDomainName } from '@virtmesh/base';
import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainServiceService } from '@virtmesh/contracts/domain/v1/domain_service';
import {
  AddressSource,
  DomainGuestInfo,
  type ExecDomainRequest,
  ExecDomainResponse,
  type ExecOpen,
  FilesystemsResult,
  ListDomainAddressesResponse,
  SendDomainKeysResponse,
  TakeDomainScreenshotResponse,
} from '@virtmesh/contracts/domain/v1/guest';
import type { CallContext, Handlers } from '@virtmesh/kit';
import { packed, raise, waitMs } from './handling.ts';
import type { World } from './world.ts';

type Served =
  | 'renameDomain'
  | 'takeDomainScreenshot'
  | 'sendDomainKeys'
  | 'listDomainAddresses'
  | 'freezeDomainFilesystems'
  | 'thawDomainFilesystems'
  | 'getDomainGuestInfo'
  | 'execDomain';

/** What the world's guests answer. */
export function guestHandlers(world: World): Pick<Handlers<typeof DomainServiceService>, Served> {
  const filesystems = (name: string, verb: string, mountPoints: readonly string[], wait: Parameters<typeof waitMs>[0]) =>
    world.operate(world.find(name), verb, waitMs(wait), () =>
      packed(
        'virtmesh.domain.v1.FilesystemsResult',
        FilesystemsResult.encode(FilesystemsResult.fromPartial({ count: mountPoints.length || 3 })).finish(),
      ),
    );
  return {
    renameDomain: ({ name, domainId }) => {
      const domain = world.find(name);
      const { node } = parseDomainName(domain.name);
      world.domains.delete(domain.name);
      domain.name = `nodes/${node}/domains/${domainId}`;
      world.domains.set(domain.name, domain);
      return domain;
    },
    takeDomainScreenshot: async function* ({ name }) {
      world.find(name);
      yield TakeDomainScreenshotResponse.fromPartial({ mimeType: 'image/png', data: Buffer.from(world.picture.subarray(0, 4)) });
      if (world.brokenPicture) throw new Fault('HYPERVISOR_FAILED', 'the display went away', { desc: 'no console' });
      yield TakeDomainScreenshotResponse.fromPartial({ data: Buffer.from(world.picture.subarray(4)) });
    },
    sendDomainKeys: ({ name }) => {
      world.find(name);
      return SendDomainKeysResponse.fromPartial({});
    },
    listDomainAddresses: ({ name, source }) => {
      if (world.find(name).status?.state === DomainState.SHUTOFF)
        raise(new Fault('STATE_INVALID', `domain ${name} does not run`, { state: 'SHUTOFF', allowed: 'RUNNING' }));
      return ListDomainAddressesResponse.fromPartial({
        interfaces: source === AddressSource.NEIGHBOURS ? world.interfaces.slice(1).map((nic) => ({ ...nic, name: '' })) : world.interfaces,
      });
    },
    freezeDomainFilesystems: ({ name, mountPoints, wait }) => filesystems(name, 'freeze', mountPoints, wait),
    thawDomainFilesystems: ({ name, mountPoints, wait }) => filesystems(name, 'thaw', mountPoints, wait),
    getDomainGuestInfo: ({ name }) => {
      world.find(name);
      return DomainGuestInfo.fromPartial(world.guestInfo);
    },
    execDomain: (requests, context) => command(world, requests, context),
  };
}

/** Guests know: echo, exit, cat, tty (as cat, tells sizes and heeds no signal, until `bye`), and drop, which loses the call. */
async function* command(
  world: World,
  requests: AsyncIterable<ExecDomainRequest>,
  { signal }: CallContext,
): AsyncGenerator<ExecDomainResponse, void> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done || first.value.item?.$case !== 'open') throw new Fault('REQUEST_INVALID', 'the first message must be an open');
  const open: ExecOpen = first.value.item.value;
  world.requests.push({ method: 'execDomain', request: open });
  const fault = world.faults.get('execDomain');
  if (fault) throw fault;
  const domain = world.find(open.name);
  const answer = (item: NonNullable<ExecDomainResponse['item']>): ExecDomainResponse => ExecDomainResponse.fromPartial({ item });
  const output = (text: string): ExecDomainResponse => answer({ $case: 'output', value: Buffer.from(text) });
  const ended = (exitCode: number, by = 0): ExecDomainResponse => answer({ $case: 'ended', value: { exitCode, signal: by } });
  yield answer({ $case: 'started', value: { name: domain.name, pid: 7n } });
  const [program, ...words] = open.command;
  if (program === 'echo') yield output(`${words.join(' ')}\n`);
  if (program === 'exit') {
    yield answer({ $case: 'errorOutput', value: Buffer.from('it went wrong\n') });
    yield ended(Number(words[0]));
    return;
  }
  if (program === 'drop') return;
  if (program === 'tty') yield output('$ ');
  if ((program === 'cat' || program === 'tty') && open.input.length > 0) yield answer({ $case: 'output', value: open.input });
  if (program === 'cat' || program === 'tty') {
    for (let next = await iterator.next(); next.done !== true && !signal.aborted; next = await iterator.next()) {
      const { item } = next.value;
      if (item?.$case === 'inputEnd') break;
      if (item?.$case === 'input') {
        world.typed.push(Buffer.from(item.value));
        yield answer({ $case: 'output', value: item.value });
        if (program === 'tty' && item.value.includes('bye')) break;
      }
      if (item?.$case === 'resize') yield output(`${item.value.columns}x${item.value.rows}\n`);
      if (item?.$case !== 'signal') continue;
      yield output(`signal ${item.value}\n`);
      if (program === 'tty') continue;
      yield ended(128 + item.value, item.value);
      return;
    }
  }
  yield ended(0);
}
