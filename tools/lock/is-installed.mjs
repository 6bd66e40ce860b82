// Exits with 0 if node_modules of a directory holds what its package-lock.json says. Plain JavaScript for any Node: it
// runs before the repository's own Node is there.
import { readFileSync } from 'node:fs';

const [directory] = process.argv.slice(2);

/** @param {string} path */
function packagesIn(path) {
  return JSON.parse(readFileSync(`${directory}/${path}`, 'utf8')).packages;
}

function isInstalled() {
  try {
    const installed = packagesIn('node_modules/.package-lock.json');
    return Object.entries(packagesIn('package-lock.json')).every(([where, wanted]) => {
      if (!where.includes('node_modules/')) return true;
      // Optional packages of other platforms are not installed.
      const found = installed[where];
      return found ? found.version === wanted.version && found.resolved === wanted.resolved : wanted.optional === true;
    });
  } catch {
    return false;
  }
}

process.exitCode = isInstalled() ? 0 : 1;
