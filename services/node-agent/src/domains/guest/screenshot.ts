import { Fault, raceAbort } from '@virtmesh/base';
import { TakeDomainScreenshotResponse, type TakeDomainScreenshotRequest } from '@virtmesh/contracts/domain/v1/guest';
import type { CallContext } from '@virtmesh/kit';
import type { Engine } from '../engine.ts';
import { checkState, feature } from '../verbs/precheck.ts';
import { chunksOf } from './chunks.ts';

const chunkBytes = 256 * 1024;

/** A picture of a guest's display, in parts. */
export async function* takeScreenshot(
  engine: Engine,
  request: TakeDomainScreenshotRequest,
  { signal }: CallContext,
): AsyncGenerator<TakeDomainScreenshotResponse> {
  const { drivers, registry } = engine.parts;
  const entry = registry.find(request.name);
  const { domain, guest } = entry;
  checkState(entry, 'take_screenshot');
  const facet = feature(drivers.get(domain.hypervisor), 'screenshot', entry);
  const displays = domain.activeSpec ? facet.displays(domain.activeSpec) : [];
  const display = request.video === '' ? displays[0] : displays.find((id) => id === request.video);
  if (display === undefined) {
    const devices = displays.join(', ') || 'none';
    throw new Fault(
      'DEVICE_NOT_FOUND',
      `${domain.name} has no such display ${JSON.stringify(request.video.slice(0, 64))}; it has: ${devices}`,
      {
        name: domain.name,
        device: request.video.slice(0, 64),
        devices,
      },
    );
  }
  const picture = await raceAbort(facet.screenshot(guest, display, signal), signal);
  let { mimeType } = picture;
  for (const data of chunksOf(picture.data, chunkBytes)) {
    yield TakeDomainScreenshotResponse.fromPartial({ mimeType, data });
    mimeType = '';
  }
}
