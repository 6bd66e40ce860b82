import { defineConfig } from 'vitest/config';

// Unit tests stand beside their sources; what needs real components is under test/ and has its own projects.
export default defineConfig({
  test: { include: ['libs/**/src/**/*.test.ts', 'services/**/src/**/*.test.ts', 'clients/**/src/**/*.test.ts', 'tools/**/*.test.ts'], passWithNoTests: false, testTimeout: 20_000 },
});
