import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configInput, recordedPlaces, unified, violationsOf } from '../testing/config-input.ts';
import { goldens, networkGoldens } from '../testing/goldens.ts';
import { buildConfig } from './build-config.ts';

const golden = (name: string): string => join(import.meta.dirname, '../../golden', `${name}.conf`);

describe('the configuration of', () => {
  test.each(Object.entries({ ...goldens, ...networkGoldens }))('%s is as recorded', async (name, partial) => {
    expect(violationsOf(partial(recordedPlaces))).toEqual([]);
    await expect(buildConfig(configInput(partial(recordedPlaces)))).toMatchFileSnapshot(golden(name));
  });

  test.each(['limits', 'devices'])('%s is as recorded for control groups of version 2', async (name) => {
    const partial = goldens[name]?.(recordedPlaces) ?? {};
    await expect(buildConfig(configInput(partial, unified))).toMatchFileSnapshot(golden(`${name}-unified`));
  });
});
