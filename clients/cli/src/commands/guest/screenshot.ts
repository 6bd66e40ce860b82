import { formatBytes } from '@virtmesh/base';
import { TakeDomainScreenshotRequest } from '@virtmesh/contracts/domain/v1/guest';
import { aboutDomain } from '../../domain/lookup.ts';
import { shortName } from '../../domain-reference.ts';
import { keep, receive } from '../../guest/screenshot.ts';
import type { Invocation } from '../../invocation.ts';
import { oneLine } from '../../output/sanitise.ts';
import { UsageError } from '../../usage-error.ts';

/** `web-2026-11-21T23-30-59.png`: what sorts by time, and is a name on every file system. */
const fileFor = (domain: string, now: number): string =>
  `${shortName(domain).replace(/^uid:/, '')}-${new Date(now).toISOString().slice(0, 19).replaceAll(':', '-')}.png`;

export async function run(invocation: Invocation): Promise<void> {
  const [domain, file = fileFor(invocation.domain(domain), invocation.terminal.now())] = invocation.args;
  const { stdout } = invocation.terminal;
  if (file === '-' && stdout.isTTY) throw new UsageError('a picture is nothing for a terminal: name a FILE, or pipe it on');
  await aboutDomain(invocation, domain, async (connection, name) => {
    const request = TakeDomainScreenshotRequest.fromPartial({ name, video: invocation.text('video') ?? '' });
    const parts = connection.domains.takeDomainScreenshot(request, invocation.callOptions);
    if (file === '-') return void (await receive(parts, (data) => invocation.write(data)));
    const { mimeType, sizeBytes } = await keep(parts, file);
    await invocation.show({
      text: () => (invocation.globals.quiet ? '' : `${oneLine(file)}: ${oneLine(mimeType)}, ${formatBytes(sizeBytes)}\n`),
      json: () => ({ file, mimeType, sizeBytes }),
      names: () => [file],
    });
  });
}
