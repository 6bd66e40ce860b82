import { expect, test } from 'vitest';
import { noSuchConsole } from './features/console.ts';

test('a console that is not there is named, with those that are', () => {
  const fault = noSuchConsole('nodes/n1/domains/web', 'serial9', ['serial0', 'console0']);
  expect(fault.reason).toBe('DEVICE_NOT_FOUND');
  expect(fault.violations).toEqual([{ field: 'open.device', description: '"serial9" is not the id of one; it has serial0, console0' }]);
  expect(noSuchConsole('web', 'x', []).violations[0]?.description).toContain('it has none: define a serial port or console');
  expect(noSuchConsole('web', 'y'.repeat(100)).metadata['device']).toHaveLength(64);
});
