"""All kinds of jobs: what does them lies in packages below this one, and is declared here."""

from vectorstore.backup.drill import run_drill
from vectorstore.backup.run_backup import run_backup, run_verify
from vectorstore.backup.run_reindex import run_reindex
from vectorstore.backup.run_restore import run_restore
from vectorstore.jobs.registry import work
from vectorstore.service.index_service import run_rebuild
from vectorstore.service.recall_service import KIND as MEASURE_RECALL
from vectorstore.service.recall_service import run_measure
from vectorstore.service.run_advice import run_advice
from vectorstore.transfer.run_export import run_export
from vectorstore.transfer.run_import import run_import

work("backup")(run_backup)
work("verify")(run_verify)
work("restore")(run_restore)
work("drill")(run_drill)
work("import")(run_import)
work("export")(run_export)
work("rebuild_index")(run_rebuild)
work(MEASURE_RECALL)(run_measure)
work("advise")(run_advice)
work("apply_advice")(run_reindex)
