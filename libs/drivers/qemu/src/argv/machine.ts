import { Firmware } from '@virtmesh/contracts/domain/v1/boot';
import { json, keyed } from './arguments.ts';
import { type Builder, incomplete, type LaunchContext } from './context.ts';

const codeNode = 'uefi-code';
const variablesNode = 'uefi-vars';

/** The machine, its accelerator, and the flash that UEFI is in. */
export const machine: Builder = (context) => {
  const { spec, input } = context;
  const uefi = spec.boot?.firmware === Firmware.UEFI;
  const secure = uefi && spec.boot?.secureBoot;
  return [
    ...(uefi ? flash(context) : []),
    ...keyed('-machine', spec.machine, {
      'dump-guest-core': false,
      smm: secure ? true : undefined,
      pflash0: uefi ? codeNode : undefined,
      pflash1: uefi ? variablesNode : undefined,
    }),
    // Only the firmware in system management mode can then write the variables.
    ...(secure ? keyed('-global', undefined, { driver: 'cfi.pflash01', property: 'secure', value: true }) : []),
    '-accel',
    input.accelerator,
  ];
};

function flash({ input, spec }: LaunchContext): readonly string[] {
  const { code } = input.uefi ?? incomplete('UEFI firmware');
  const variables = spec.boot?.nvramPath || input.paths.nvram;
  return [
    ...json('-blockdev', {
      driver: 'raw',
      'node-name': codeNode,
      'read-only': true,
      file: { driver: 'file', filename: code, 'read-only': true },
    }),
    ...json('-blockdev', { driver: 'raw', 'node-name': variablesNode, file: { driver: 'file', filename: variables } }),
  ];
}
