import type { HostRunFiles } from '@virtmesh/driver-spi';
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';

export const hostRunFiles = (): HostRunFiles => ({
  makeDirectory: (path, mode) => {
    mkdirSync(path, { recursive: true, mode: 0o755 });
    chmodSync(path, mode);
  },
  writeText: (path, text, mode) => {
    const temporary = `${path}.new`;
    writeFileSync(temporary, text, { mode });
    renameSync(temporary, path);
  },
  remove: (path) => rmSync(path, { recursive: true, force: true }),
});
