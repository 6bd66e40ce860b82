import { MiB } from '@virtmesh/base';
import { qemuIds } from '../launch.ts';
import { device } from './arguments.ts';
import { type Builder, incomplete } from './context.ts';

export const memory: Builder = ({ spec }) => ['-m', `size=${(spec.memory ?? incomplete('memory')).sizeBytes / MiB}M`];

/** Its target and its reports are set over QMP. */
export const balloon: Builder = ({ spec, controller }) => {
  if (spec.memory?.balloon?.disabled) return [];
  return device('virtio-balloon-pci', {
    id: qemuIds.balloon,
    ...controller('balloon'),
    'free-page-reporting': spec.memory?.balloon?.freePageReporting || undefined,
  });
};
