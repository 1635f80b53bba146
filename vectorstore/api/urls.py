"""Addresses under ``/api/``. The middleware adds a trailing slash that the caller left out."""

from django.urls import URLPattern, URLResolver, include, path, register_converter
from django.urls.converters import IntConverter, StringConverter

from vectorstore.api.openapi import ACCOUNT_PATTERN, CLUSTER_PATTERN, NAME_PATTERN, NUMBER_PATTERN
from vectorstore.api.schemas.backups import POLICY_PATTERN, SET_PATTERN
from vectorstore.api.schemas.transfer import DOWNLOAD_PATTERN
from vectorstore.api.views import (
    accounts,
    advice,
    aliases,
    api_keys,
    audit,
    auth,
    backup_policies,
    backups,
    clusters,
    collections,
    databases,
    docs,
    drift,
    grants,
    indexes,
    jobs,
    partitions,
    profiles,
    search,
    transfer,
    vectors,
)


class NameConverter(StringConverter):
    """A name by Milvus's rule; nothing else can exist, so anything else is 404."""

    regex = NAME_PATTERN


class AccountConverter(StringConverter):
    """A name of a user, a group or a service account."""

    regex = ACCOUNT_PATTERN


class ClusterConverter(StringConverter):
    """A name of a cluster."""

    regex = CLUSTER_PATTERN


class NumberConverter(IntConverter):
    """The number of a row, as far as databases count."""

    regex = NUMBER_PATTERN


class DownloadConverter(StringConverter):
    """The signed part of a link to a file."""

    regex = DOWNLOAD_PATTERN


class SetConverter(StringConverter):
    """The id of a backup."""

    regex = SET_PATTERN


class PolicyConverter(StringConverter):
    """The name of a backup policy."""

    regex = POLICY_PATTERN


register_converter(NameConverter, "name")
register_converter(AccountConverter, "account")
register_converter(ClusterConverter, "cluster")
register_converter(NumberConverter, "number")
register_converter(DownloadConverter, "download")
register_converter(SetConverter, "set")
register_converter(PolicyConverter, "policy")

_collection: list[URLPattern | URLResolver] = [
    path("search/", search.SearchView.as_view()),
    path("search/range/", search.RangeSearchView.as_view()),
    path("search/hybrid/", search.HybridSearchView.as_view()),
    path("search/text/", search.TextSearchView.as_view()),
    path("search/explain/", search.ExplainView.as_view()),
    path("vectors/", vectors.VectorsView.as_view()),
    path("vectors/get/", vectors.GetRowsView.as_view()),
    path("vectors/query/", vectors.QueryRowsView.as_view()),
    path("vectors/count/", vectors.CountRowsView.as_view()),
    path("vectors/delete/", vectors.DeleteRowsView.as_view()),
    path("import/", transfer.ImportView.as_view()),
    path("export/", transfer.ExportView.as_view()),
    path("recovery-window/", backups.RecoveryWindowView.as_view()),
    path("drift/adopt/", drift.AdoptDriftView.as_view()),
    path("drift/revert/", drift.RevertDriftView.as_view()),
    path("", collections.CollectionView.as_view()),
    path("load/", collections.LoadView.as_view()),
    path("release/", collections.ReleaseView.as_view()),
    path("flush/", collections.FlushView.as_view()),
    path("compact/", collections.CompactView.as_view()),
    path("rename/", collections.RenameView.as_view()),
    path("truncate/", collections.TruncateView.as_view()),
    path("stats/", collections.StatsView.as_view()),
    path("partitions/", partitions.PartitionsView.as_view()),
    path("partitions/<name:partition>/", partitions.PartitionView.as_view()),
    path("indexes/", indexes.IndexesView.as_view()),
    path("indexes/<name:field>/", indexes.IndexView.as_view()),
    path("indexes/<name:field>/rebuild/", indexes.RebuildView.as_view()),
    path("indexes/<name:field>/measure/", indexes.MeasureView.as_view()),
]

_v1: list[URLPattern | URLResolver] = [
    path("collections/<name:name>/", include(_collection)),
    path("collections/", collections.CollectionsView.as_view()),
    path("advice/<name:name>/", advice.AdviceView.as_view()),
    path("advice/<name:name>/apply/", advice.ApplyAdviceView.as_view()),
    path("aliases/", aliases.AliasesView.as_view()),
    path("aliases/<name:alias>/", aliases.AliasView.as_view()),
    path("databases/", databases.DatabasesView.as_view()),
    path("databases/<name:name>/", databases.DatabaseView.as_view()),
    path("auth/token/", auth.TokenView.as_view()),
    path("auth/token/refresh/", auth.RefreshView.as_view()),
    path("auth/token/revoke/", auth.RevokeView.as_view()),
    path("auth/me/", auth.MeView.as_view()),
    path("auth/can-i/", auth.CanIView.as_view()),
    path("users/", accounts.UsersView.as_view()),
    path("users/<account:username>/", accounts.UserView.as_view()),
    path("groups/", accounts.GroupsView.as_view()),
    path("groups/<account:account>/", accounts.GroupView.as_view()),
    path("service-accounts/", accounts.ServiceAccountsView.as_view()),
    path("service-accounts/<account:account>/", accounts.ServiceAccountView.as_view()),
    path("grants/", grants.GrantsView.as_view()),
    path("grants/<number:number>/", grants.GrantView.as_view()),
    path("roles/", grants.RolesView.as_view()),
    path("api-keys/", api_keys.ApiKeysView.as_view()),
    path("api-keys/<number:number>/", api_keys.ApiKeyView.as_view()),
    path("clusters/", clusters.ClustersView.as_view()),
    path("clusters/<cluster:cluster>/", clusters.ClusterView.as_view()),
    path("clusters/<cluster:cluster>/test/", clusters.ClusterTestView.as_view()),
    path("backups/", backups.BackupsView.as_view()),
    path("backups/<set:set_id>/", backups.BackupView.as_view()),
    path("backups/<set:set_id>/verify/", backups.VerifyBackupView.as_view()),
    path("backup-policies/", backup_policies.BackupPoliciesView.as_view()),
    path("backup-policies/<policy:policy>/", backup_policies.BackupPolicyView.as_view()),
    path("backup-policies/<policy:policy>/retention/", backup_policies.RetentionView.as_view()),
    path("restores/", backups.RestoresView.as_view()),
    path("restore-points/", backups.RestorePointsView.as_view()),
    path("drift/", drift.DriftsView.as_view()),
    path("jobs/", jobs.JobsView.as_view()),
    path("jobs/<number:number>/", jobs.JobView.as_view(), name="job"),
    path("jobs/<number:number>/cancel/", jobs.CancelJobView.as_view()),
    path("jobs/<number:number>/retry/", jobs.RetryJobView.as_view()),
    path("downloads/<download:token>/", transfer.DownloadView.as_view(), name="download"),
    path("profiles/", profiles.ProfilesView.as_view()),
    path("profiles/<number:number>/", profiles.ProfileView.as_view()),
    path("slow-queries/", profiles.SlowQueriesView.as_view()),
    path("audit/", audit.AuditView.as_view()),
    path("audit/export/", audit.AuditExportView.as_view()),
    path("audit/verify/", audit.AuditVerifyView.as_view()),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include(_v1)),
    path("schema/", docs.schema, name="schema"),
    path("docs/", docs.SwaggerView.as_view(), name="docs"),
]
