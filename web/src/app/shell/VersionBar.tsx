/** Offers to load the page anew when the server brings another build of the dashboard. */

import { RefreshCw } from 'lucide-react'
import type { ReactNode } from 'react'
import { Button } from '../../components/ui/Button.tsx'
import { t } from '../../lib/i18n.ts'
import { useNewBuild } from '../../lib/newBuild.ts'

export function VersionBar(): ReactNode {
  const isNew = useNewBuild()
  if (!isNew) return null
  return (
    <div
      data-testid="deployment.banner"
      role="status"
      className="flex items-center justify-between gap-3 border-b border-line bg-info-tint px-4 py-2 text-sm"
    >
      <p>{t('version.title')}</p>
      <Button
        data-testid="deployment.banner.reload"
        icon={<RefreshCw size={14} aria-hidden />}
        onClick={() => location.reload()}
      >
        {t('version.reload')}
      </Button>
    </div>
  )
}
