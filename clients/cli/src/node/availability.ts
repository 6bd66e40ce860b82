import type { Column } from '../output/table.ts';

/** Something that may be there or not, and why not. */
export interface Available {
  readonly name: string;
  readonly available: boolean;
  readonly why: string;
}

export const availabilityColumns: readonly Column<Available>[] = [
  { header: 'FEATURE', cell: (row) => row.name },
  { header: 'AVAILABLE', cell: (row) => (row.available ? { text: 'yes', style: 'green' } : { text: 'no', style: 'yellow' }) },
  { header: 'WHY NOT', cell: (row) => row.why },
];
