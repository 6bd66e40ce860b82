/** The two families of machine types that the driver lays out. */
export type MachineFamily = 'q35' | 'pc';

/** The family of an exact machine type, such as `pc-q35-7.2`; undefined for one that the driver cannot lay out. */
export function machineFamily(machine: string): MachineFamily | undefined {
  if (/^pc-q35-\d/.test(machine)) return 'q35';
  return /^pc-i440fx-\d/.test(machine) ? 'pc' : undefined;
}
