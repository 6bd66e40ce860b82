import { readFileSync } from 'node:fs';

let image: Uint8Array | undefined;

/** The whole contract as a serialized google.protobuf.FileDescriptorSet, imports included. */
export function descriptorSet(): Uint8Array {
  image ??= readFileSync(new URL('./gen/image.binpb', import.meta.url));
  return image;
}
