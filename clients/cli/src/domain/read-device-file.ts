import type { Invocation } from '../invocation.ts';
import { locatedFault } from '../spec/locate-fault.ts';
import { type DeviceDocument, readDevice } from '../spec/read-device.ts';
import { fileLabel, readText } from '../spec/read-file.ts';
import { loadDomainSchema } from '../spec/schema.ts';

/** Reads the device of the verb's FILE and does something with it; a server's fault about it names the place in the file. */
export async function withDeviceFile(invocation: Invocation, act: (device: DeviceDocument['device']) => Promise<void>): Promise<void> {
  const argument = invocation.args[1] ?? '-';
  if (argument === '-' && invocation.terminal.stdin.isTTY) invocation.note('reading the device from the terminal; Ctrl-D ends it');
  const file = fileLabel(argument);
  const document = readDevice({ file, text: await readText(argument, invocation.terminal.stdin) }, loadDomainSchema());
  try {
    await act(document.device);
  } catch (thrown) {
    throw locatedFault(thrown, document, file);
  }
}
