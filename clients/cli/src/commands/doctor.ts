import { examineHost } from '../doctor/examine.ts';
import { aptInstall, type Finding, type FindingStatus } from '../doctor/finding.ts';
import { thisHost } from '../doctor/host.ts';
import { kvmFinding } from '../doctor/kvm.ts';
import { askServer } from '../doctor/server.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Invocation } from '../invocation.ts';
import { oneLine } from '../output/sanitise.ts';
import { type Paint, renderTable, type Style } from '../output/table.ts';

const styles: Readonly<Record<FindingStatus, Style>> = { ok: 'green', warn: 'yellow', missing: 'red' };

function text(findings: readonly Finding[], isRoot: boolean, paint: Paint): string {
  const table = renderTable(
    [
      { header: 'CHECK', cell: (finding) => finding.check },
      { header: 'STATUS', cell: (finding) => ({ text: finding.status, style: styles[finding.status] }) },
      { header: 'FOUND', cell: (finding) => finding.found },
    ],
    findings,
    { paint },
  );
  const open = findings.filter((finding) => finding.status !== 'ok');
  const advice = open
    .map(({ check, why, remedy }) => `\n${oneLine(check)} ${oneLine(why)}.\n${remedy ? `  ${oneLine(remedy)}\n` : ''}`)
    .join('');
  const packages = [...new Set(open.map((finding) => finding.package).filter((name) => name !== undefined))];
  return table + advice + (packages.length > 1 ? `\nAll packages at once:\n  ${aptInstall(packages, isRoot)}\n` : '');
}

export async function run(invocation: Invocation): Promise<number> {
  const host = thisHost(invocation.terminal.env, process);
  const [found, server] = await Promise.all([examineHost(host), askServer(() => invocation.connect(), host.hostname)]);
  const findings = [...found.map((each) => (each.check === 'kvm' ? kvmFinding(each, server.kvm) : each)), ...server.findings];
  await invocation.show({
    text: ({ paint }) => text(findings, host.isRoot, paint),
    json: () => ({ findings }),
    names: () => findings.filter((finding) => finding.status !== 'ok').map((finding) => finding.check),
  });
  return findings.some((finding) => finding.status === 'missing') ? exitCodes.failed : exitCodes.done;
}
