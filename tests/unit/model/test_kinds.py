"""Kinds: what the words of a task's own name tell, judged against the tasks of public projects.

The names in `REAL` are those of tasks in the projects named above them. What each is expected to be was decided from
the task's code, and from what whoever runs the project would call it, before the word lists were read: the lists are
held to the table, not the table to the lists. None is for housekeeping, and for a name from which nobody could tell.
"""

import pytest

from allotment.model.kind import Kind, kinds_told, words_of

CPU, IO, MEMORY = Kind.CPU, Kind.IO, Kind.MEMORY

Expected = Kind | set[Kind] | None

REAL: list[tuple[str, Expected]] = [
    # sentry
    ("sentry.tasks.email.send_email", IO),
    ("sentry.tasks.commits.fetch_commits", IO),
    ("sentry.data_export.tasks.assemble_download", IO),
    ("sentry.tasks.weekly_reports.prepare_organization_report", MEMORY),
    ("sentry.tasks.weekly_reports.schedule_organizations", None),
    ("sentry.tasks.weekly_escalating_forecast.generate_forecasts_for_projects", CPU),
    ("sentry.tasks.store.process_event", None),
    ("sentry.tasks.reprocessing2.reprocess_group", None),
    ("sentry.tasks.post_process.post_process_group", None),  # after the process, not an HTTP POST
    ("sentry.tasks.delete_pending_groups", None),
    ("sentry.tasks.clear_expired_rulesnoozes", None),
    ("sentry.tasks.collect_project_platforms", None),
    # posthog
    ("posthog.tasks.email.send_invite", IO),
    ("posthog.tasks.exporter.export_asset", MEMORY),
    ("posthog.tasks.usage_report.send_all_org_usage_reports", {IO, MEMORY}),
    ("posthog.tasks.tasks.process_query_task", IO),  # waits for ClickHouse
    ("posthog.tasks.tasks.redis_heartbeat", None),
    ("posthog.tasks.tasks.delete_expired_exported_assets", None),
    ("posthog.tasks.tasks.clickhouse_row_count", None),
    ("posthog.tasks.tasks.clean_stale_partials", None),
    ("posthog.tasks.tasks.ee_persist_finished_recordings_v2", None),
    # saleor
    ("saleor.webhook.transport.asynchronous.transport.send_webhook_request_async", IO),
    ("saleor.webhook.transport.asynchronous.transport.generate_deferred_payloads", None),
    ("saleor.plugins.avatax.tasks.api_post_request_task", IO),
    ("saleor.product.tasks.fetch_product_media_image_task", IO),  # the image is fetched, never worked on
    ("saleor.app.installation_utils.fetch_brand_data_task", IO),
    ("saleor.product.tasks.recalculate_discounted_price_for_products_task", CPU),
    ("saleor.product.tasks.update_products_search_vector_task", None),
    ("saleor.product.tasks.update_variants_names", None),
    ("saleor.csv.tasks.delete_old_export_files", None),
    ("saleor.order.tasks.expire_orders_task", None),
    ("export-products", MEMORY),
    # pretix
    ("pretix.base.services.mail.mail_send_task", IO),
    ("pretix.api.webhooks.notify_webhooks", IO),
    ("pretix.base.services.export.export", MEMORY),
    ("pretix.base.services.orderimport.import_orders", MEMORY),  # the whole file as objects, as its author says
    ("pretix.base.services.tickets.invalidate_cache", None),
    ("pretix.base.services.shredder.shred", None),
    # superset
    ("sql_lab.get_sql_results", IO),
    ("cache_chart_thumbnail", CPU),
    ("reports.scheduler", None),
    ("reports.execute", None),
    ("reports.prune_log", None),
    # airflow
    ("airflow.executors.celery_executor.execute_command", None),
    # redash
    ("redash.tasks.execute_query", IO),
    ("redash.tasks.send_mail", IO),
    ("redash.tasks.cleanup_query_results", None),
    ("redash.tasks.cleanup_tasks", None),
    # readthedocs.org
    ("readthedocs.oauth.tasks.sync_remote_repositories", IO),
    ("readthedocs.projects.tasks.builds.sync_repository_task", IO),
    ("readthedocs.oauth.tasks.attach_webhook", IO),
    ("readthedocs.search.tasks.index_objects_to_es", IO),
    ("readthedocs.subscriptions.tasks.daily_email", IO),
    ("readthedocs.projects.tasks.builds.update_docs_task", None),
    ("readthedocs.telemetry.tasks.save_build_data", None),
    ("readthedocs.telemetry.tasks.delete_old_build_data", None),
    ("readthedocs.core.tasks.cleanup_pidbox_keys", None),
    # edx-platform
    ("lms.djangoapps.instructor_task.tasks.send_bulk_course_email", IO),
    ("lms.djangoapps.instructor_task.tasks.calculate_problem_grade_report", {CPU, MEMORY}),
    ("lms.djangoapps.grades.tasks.recalculate_subsection_grade", CPU),
    ("lms.djangoapps.instructor_task.tasks.reset_problem_attempts", None),
    ("lms.djangoapps.instructor_task.tasks.delete_problem_state", None),
    ("cms.djangoapps.contentstore.tasks.update_search_index", IO),
    ("openedx.core.djangoapps.content.block_structure.tasks.update_course_in_cache_v2", None),
    # paperless-ngx
    ("documents.tasks.train_classifier", CPU),
    ("documents.tasks.consume_file", None),
    ("documents.tasks.empty_trash", None),
    ("documents.tasks.cleanup_expired_share_link_bundles", None),
    ("documents.workflows.webhooks.send_webhook", IO),
    ("paperless_mail.tasks.process_mail_accounts", IO),
    # weblate: its memory is one of translations
    ("weblate.memory.tasks.memory_optimize", None),
    ("weblate.memory.tasks.update_memory_task", None),
    ("weblate.trans.tasks.perform_push", IO),
    ("weblate.utils.tasks.database_backup", IO),
    ("weblate.accounts.tasks.notify_change", IO),
    ("weblate.trans.tasks.cleanup_suggestions", None),
    ("weblate.trans.tasks.remove_project_backup_download", None),
    ("weblate.utils.tasks.heartbeat", None),
    # taiga
    ("taiga.projects.notifications.tasks.send_bulk_email", IO),
    ("taiga.webhooks.tasks.resend_webhook", IO),
    ("taiga.export_import.tasks.load_project_dump", MEMORY),
    ("taiga.export_import.tasks.delete_project_dump", None),
    ("taiga.auth.token_denylist.tasks.flush_expired_tokens", None),
    # addons-server
    ("olympia.devhub.tasks.resize_icon", CPU),
    ("olympia.devhub.tasks.pngcrush_existing_preview", CPU),
    ("olympia.versions.tasks.generate_static_theme_preview", CPU),
    ("olympia.addons.tasks.calc_checksum", CPU),
    ("olympia.devhub.tasks.send_welcome_email", IO),
    ("olympia.scanners.tasks.call_mad_api", IO),
    ("olympia.addons.tasks.index_addons", IO),
    ("olympia.addons.tasks.delete_preview_files", None),
    ("olympia.addons.tasks.delete_persona_image", None),
    # dify
    ("tasks.mail_invite_member_task.send_invite_member_mail_task", IO),
    ("tasks.document_indexing_task.document_indexing_task", IO),
    ("tasks.clean_dataset_task.clean_dataset_task", None),
    # mayan-edms
    ("mayan.apps.ocr.tasks.task_document_version_page_ocr_process", CPU),
    ("mayan.apps.document_parsing.tasks.task_parse_document_file", CPU),
    ("mayan.apps.documents.tasks.task_document_version_export", MEMORY),
    ("mayan.apps.documents.tasks.task_document_file_upload", IO),
    ("mayan.apps.mailer.tasks.task_send_object", IO),
    ("mayan.apps.dynamic_search.tasks.task_index_instances", IO),
    ("mayan.apps.file_caching.tasks.task_cache_purge", None),
    ("mayan.apps.documents.tasks.task_trash_can_empty", None),
    ("mayan.apps.documents.tasks.task_document_file_page_count_update", None),
    # kuma
    ("kuma.wiki.tasks.render_document", CPU),
    ("kuma.wiki.tasks.send_first_edit_email", IO),
    ("kuma.wiki.tasks.move_page", None),
    ("kuma.core.tasks.clean_sessions", None),
    # kitsune
    ("kitsune.upload.tasks.generate_thumbnail", CPU),
    ("kitsune.upload.tasks.compress_image", CPU),
    ("kitsune.wiki.tasks.render_document_cascade", CPU),
    ("kitsune.kpi.tasks.cohort_analysis", CPU),
    ("kitsune.messages.tasks.email_private_message", IO),
    ("kitsune.sumo.tasks.process_queued_mail", IO),
    ("kitsune.sumo.tasks.remove_expired_mail", None),
    ("kitsune.questions.tasks.report_employee_answers", None),  # a few counts: to report is a verb here
    ("kitsune.questions.tasks.cleanup_old_spam", None),
    ("kitsune.watchdog.tasks.watchdog", None),
    # bookwyrm
    ("bookwyrm.preview_images.generate_edition_preview_image_task", CPU),
    ("bookwyrm.preview_images.remove_user_preview_image_task", None),
    ("bookwyrm.models.bookwyrm_export_job.create_export_json_task", MEMORY),
    ("bookwyrm.models.activitypub_mixin.broadcast_task", IO),
    ("bookwyrm.models.user.get_remote_reviews", IO),
    ("bookwyrm.models.site.check_for_updates_task", None),
    # plane
    ("plane.bgtasks.export_task.issue_export_task", MEMORY),
    ("plane.bgtasks.analytic_plot_export.export_analytics_to_csv_email", {MEMORY, IO}),
    ("plane.bgtasks.webhook_task.webhook_send_task", IO),
    ("plane.bgtasks.work_item_link_task.crawl_work_item_link_title", IO),
    ("plane.bgtasks.copy_s3_object.copy_s3_objects_of_description_and_assets", IO),
    ("plane.bgtasks.project_add_user_email_task.project_add_user_email", IO),
    ("plane.bgtasks.cleanup_task.delete_webhook_logs", None),
    ("plane.bgtasks.cleanup_task.delete_email_notification_logs", None),
    ("plane.bgtasks.recent_visited_task.recent_visited_task", None),
    # defectdojo
    ("dojo.jira.helper.push_finding_to_jira", IO),
    ("dojo.notifications.tasks.send_slack_notification", IO),
    ("dojo.utils.calculate_grade", CPU),
    ("dojo.tasks.clear_sessions", None),
    # courtlistener
    ("cl.corpus_importer.tasks.download_and_parse_scotus_docket", {IO, CPU}),
    ("cl.lasc.tasks.download_pdf", IO),  # the PDF is fetched, never worked on
    ("cl.audio.tasks.upload_audio_to_ia", IO),
    ("cl.scrapers.tasks.save_response_to_s3", IO),
    ("cl.search.tasks.index_dockets_in_bulk", IO),
    ("cl.recap.tasks.fetch_docket", IO),
    ("cl.recap_rss.tasks.trim_rss_data", None),
    # onadata
    ("onadata.apps.viewer.tasks.create_xlsx_export", MEMORY),
    ("onadata.apps.viewer.tasks.mark_expired_pending_exports_as_failed", None),
    ("onadata.apps.viewer.tasks.delete_export", None),
    ("onadata.apps.logger.tasks.decrypt_instance_async", CPU),
    ("onadata.apps.api.tasks.send_verification_email", IO),
    # warehouse
    ("warehouse.search.tasks.reindex_project", IO),
    ("warehouse.packaging.tasks.sync_file_to_cache", IO),
    ("warehouse.accounts.tasks.notify_users_of_tos_update", IO),
    ("warehouse.accounts.tasks.unverify_emails_with_expired_domains", None),  # only rows are marked
    ("warehouse.observations.tasks.report_observation_to_helpscout", None),  # to report is a verb here
    # galaxy
    ("galaxy.celery.tasks.compute_dataset_hash", CPU),
    ("galaxy.celery.tasks.fetch_data", IO),
    ("galaxy.celery.tasks.send_notification_to_recipients_async", IO),
    ("galaxy.celery.tasks.purge_datasets", None),
    ("galaxy.celery.tasks.prune_history_audit_table", None),
    # geonode
    ("geonode.layers.tasks.delete_dataset", None),
    # osf.io
    ("framework.email.tasks.send_email", IO),
    ("website.archiver.tasks.make_copy_request", IO),
    ("osf.management.commands.clear_expired_sessions", None),
    # intelowl
    ("send_bi_to_elastic", IO),
    ("job_pipeline", None),
    ("intel_owl.tasks.remove_old_jobs", None),
    # codecov
    ("app.tasks.send_email.SendEmail", IO),
    ("app.tasks.sync_repos.SyncRepos", IO),
    ("app.tasks.notify.Notify", IO),
    ("app.tasks.compute_comparison.ComputeComparison", CPU),
    ("app.tasks.delete_owner.DeleteOwner", None),
    ("app.tasks.remove_webhook.RemoveOldHook", None),
    # onyx
    ("generate_usage_report_task", MEMORY),
    ("check_for_pruning", None),
    ("monitor_process_memory", None),
]

MISJUDGED: list[tuple[str, Expected, Expected]] = [
    # the task, what its code does, and what its words say: such a task needs an entry of its own, or a hint in the call
    ("sentry.tasks.merge.merge_groups", None, MEMORY),
    ("pretix.base.services.invoices.invoice_pdf_task", CPU, None),
    ("documents.tasks.index_optimize", None, IO),
    ("documents.tasks.bulk_update_documents", None, MEMORY),
    ("weblate.utils.tasks.ping", None, IO),
    ("taiga.importers.asana.tasks.import_project", IO, MEMORY),
    ("taiga.timeline.service.push_to_timelines", None, IO),
    ("olympia.devhub.tasks.validate_file", CPU, None),
    ("mayan.apps.converter.tasks.task_content_object_image_generate", CPU, None),
    ("dojo.finding.deduplication.do_dedupe_batch_task", CPU, MEMORY),
    ("intel_owl.tasks.check_stuck_analysis", None, CPU),
]

SOUNDS_LIKE: list[tuple[str, str]] = [
    ("shop.tasks.remodel_kitchen", "model"),
    ("shop.tasks.capitalize_titles", "api"),
    ("clinic.tasks.assign_therapist", "api"),
    ("clinic.tasks.tidy_joint_accounts", "join"),
    ("news.tasks.flag_important", "import"),
    ("garage.tasks.constrain_budget", "train"),
    ("news.tasks.mark_emergency", "merge"),
    ("shop.tasks.postpone_delivery", "post"),
    ("shop.tasks.surrender_licence", "render"),
    ("shop.tasks.expire_payload", "load"),
    ("news.tasks.count_hashtag", "hash"),
    ("music.tasks.tag_syncopated", "sync"),
    ("shop.tasks.hide_mediocre_shops", "ocr"),
    ("stars.tasks.note_parsec", "parse"),
    ("shop.tasks.tidy_catalog", "log"),
    ("shop.tasks.ramp_up_prices", "ram"),
    ("shop.tasks.note_outpost", "post"),
]

ELSEWHERE: list[tuple[str, Expected]] = [
    ("myapp.processing.send_email", IO),
    ("training_portal.tasks.send_reminder", IO),
    ("reports.images.tasks.tidy_up", None),
    ("memory.tasks.expire_orders", None),
    ("shop.email.tasks.expire_orders", None),
    ("shop.export.download.upload.expire_orders", None),
    ("shop.email:expire_orders", None),
    ("video.encode.tasks.send_email", IO),
]

WRITTEN: list[tuple[str, tuple[str, ...]]] = [
    ("send_welcome_email", ("send", "welcome", "email")),
    ("shop.mail.sendWelcomeEmail", ("send", "welcome", "email")),
    ("shop.mail.SendWelcomeEmail", ("send", "welcome", "email")),
    ("shop.mail.send-welcome-email", ("send", "welcome", "email")),
    ("shop.mail:send_welcome_email", ("send", "welcome", "email")),
    ("shop.mail.SEND_WELCOME_EMAIL", ("send", "welcome", "email")),
    ("shop.mail.__send__welcome_email_", ("send", "welcome", "email")),
    ("shop.mail.sendHTMLEmail", ("send", "html", "email")),
]


def expected_kinds(expected: Expected) -> set[Kind]:
    """Give the kinds that a row of a table is to be told, as a set."""
    if expected is None:
        return set()
    return expected if isinstance(expected, set) else {expected}


@pytest.mark.parametrize(("name", "expected"), REAL, ids=[name for name, _ in REAL])
def test_a_real_task_is_told_what_its_code_does(name: str, expected: Expected) -> None:
    assert set(kinds_told(name)) == expected_kinds(expected)


@pytest.mark.parametrize(("name", "done", "told"), MISJUDGED, ids=[row[0] for row in MISJUDGED])
def test_some_names_tell_other_than_their_code_does(name: str, done: Expected, told: Expected) -> None:
    assert set(kinds_told(name)) == expected_kinds(told) != expected_kinds(done)


def test_words_are_right_of_nine_names_in_ten() -> None:
    assert len(MISJUDGED) * 9 < len(REAL)


def test_every_real_name_is_in_the_table_once() -> None:
    names = [name for name, _ in REAL]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(("name", "inside"), SOUNDS_LIKE)
def test_a_word_inside_another_word_tells_nothing(name: str, inside: str) -> None:
    assert inside in name.rpartition(".")[2]
    assert kinds_told(name) == {}


@pytest.mark.parametrize(("name", "expected"), ELSEWHERE)
def test_the_modules_path_never_counts(name: str, expected: Expected) -> None:
    assert set(kinds_told(name)) == expected_kinds(expected)


def test_the_same_function_is_told_the_same_in_any_module() -> None:
    modules = ["", "shop.tasks.", "shop.email.render.", "memory.", "training.", "import_export.upload:"]
    assert {tuple(kinds_told(f"{module}send_email").items()) for module in modules} == {((IO, "send"),)}


@pytest.mark.parametrize(("name", "words"), WRITTEN)
def test_words_are_told_apart_by_underscores_hyphens_and_capitals(name: str, words: tuple[str, ...]) -> None:
    assert words_of(name) == words


@pytest.mark.parametrize("name", ["send_email2", "send2email", "send_2_emails", "sendEmail2", "v2_send_email"])
def test_digits_part_words_and_are_none_themselves(name: str) -> None:
    assert kinds_told(name) == {IO: "send"}


def test_a_word_with_digits_of_its_own_is_told_beside_capitals_too() -> None:
    assert kinds_told("shop.tasks.copy_to_s3") == {IO: "s3"}
    assert kinds_told("shop.tasks.copyToS3") == {IO: "s3"}


def test_capitals_tell_what_underscores_tell() -> None:
    pairs = [("resize_image", "resizeImage"), ("convert_pdf_file", "ConvertPDFFile"), ("download_url", "downloadURL")]
    for underscored, capital in pairs:
        assert kinds_told(f"shop.tasks.{capital}") == kinds_told(f"shop.tasks.{underscored}")
        assert kinds_told(f"shop.tasks.{capital}")


@pytest.mark.parametrize("name", ["", ".", "shop.", "shop.tasks.", "_", "shop.tasks.___", "shop.tasks.42"])
def test_a_name_without_words_tells_nothing(name: str) -> None:
    assert kinds_told(name) == {}


def test_a_word_of_the_file_tells_its_kind() -> None:
    name = "shop.tasks.reconcile_ledger"
    assert kinds_told(name) == {}
    assert kinds_told(name, {MEMORY: ("reconcile",)}) == {MEMORY: "reconcile"}


def test_a_word_of_the_file_is_taken_from_the_kind_it_had() -> None:
    name = "shop.tasks.send_welcome"
    assert kinds_told(name) == {IO: "send"}
    assert kinds_told(name, {CPU: ("send",)}) == {CPU: "send"}


def test_a_word_of_the_file_leaves_the_other_words_as_they_were() -> None:
    assert kinds_told("shop.tasks.send_ledger", {MEMORY: ("ledger",)}) == {IO: "send", MEMORY: "ledger"}


def test_a_word_of_the_file_is_one_in_any_case() -> None:
    assert kinds_told("shop.tasks.ReconcileLedger", {MEMORY: ("RECONCILE",)}) == {MEMORY: "reconcile"}


def test_a_word_of_the_file_is_a_word_and_not_a_substring() -> None:
    assert kinds_told("shop.tasks.remodel_kitchen", {CPU: ("model",)}) == {}


def test_a_word_of_the_file_may_have_digits() -> None:
    assert kinds_told("media.tasks.to_h264", {CPU: ("h264",)}) == {CPU: "h264"}


def test_a_word_of_the_file_never_counts_in_the_modules_path() -> None:
    assert kinds_told("ledger.tasks.tidy", {MEMORY: ("ledger",)}) == {}


def test_no_words_of_the_file_change_nothing() -> None:
    for name, _ in REAL:
        assert kinds_told(name, {}) == kinds_told(name, None) == kinds_told(name)


def test_two_kinds_are_both_told_with_the_word_of_each() -> None:
    told = kinds_told("plane.bgtasks.analytic_plot_export.export_analytics_to_csv_email")
    assert told == {MEMORY: "export", IO: "email"}


def test_kinds_are_told_in_the_order_of_the_names_words() -> None:
    assert list(kinds_told("shop.tasks.download_and_resize")) == [IO, CPU]
    assert list(kinds_told("shop.tasks.resize_and_upload")) == [CPU, IO]


def test_a_kind_is_told_by_the_first_of_its_words() -> None:
    assert kinds_told("shop.tasks.send_email") == {IO: "send"}
    assert kinds_told("shop.tasks.email_send") == {IO: "email"}
