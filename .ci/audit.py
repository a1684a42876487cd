"""Ask whether what is installed here has known vulnerabilities, and fail if so.

``pip-audit`` ends alike for a finding and for a service that can't be reached, and passes over a
package that its service does not know. Here a finding fails, and what was not audited is said.
Further arguments go to pip-audit.
"""

import json
import re
import subprocess
import sys

# What pip-audit says, in a traceback or a tip, where its service is out of reach.
_UNREACHABLE = r"requests\.exceptions\.|ServiceError|Could not connect|may be blocking"


def main() -> int:
    """Return the exit code: 0 without a finding, 1 with one, pip-audit's own if it broke."""
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner=off", "--format=json"]
    asked = subprocess.run([*command, *sys.argv[1:]], capture_output=True, text=True, check=False)  # noqa: S603
    try:
        packages = json.loads(asked.stdout)["dependencies"]
    except ValueError:
        if not re.search(_UNREACHABLE, asked.stderr):
            print(asked.stderr, file=sys.stderr)
            return asked.returncode or 1
        print("pip-audit: NOT AUDITED, its service can't be reached")
        return 0
    findings = [
        f"{package['name']} {package['version']}: {finding['id']}, fixed in "
        f"{', '.join(finding['fix_versions']) or 'no version'}"
        for package in packages
        for finding in package.get("vulns", ())
    ]
    unknown = sum("skip_reason" in package for package in packages)
    print(*findings, sep="\n", end="\n" if findings else "")
    print(
        f"pip-audit: {len(packages) - unknown} packages audited, {unknown} NOT AUDITED because the "
        f"service does not know them, {len(findings)} findings"
    )
    return 1 if findings else 0


sys.exit(main())
